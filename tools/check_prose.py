"""Reports sentences that docs/contributing/style.md rules out: python tools/check_prose.py [ROOT].

The rules are patterns, so they find the common cases and not every case. A rule that is wrong
for a sentence is wrong for its reader too: rewrite the sentence.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from source_text import Text, read_prose

EXEMPT = ("docs/contributing/style.md",)
"""Quotes the sentences that it rewrites."""
ALL = frozenset({"docs", "docstring", "error", "log"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern that plain technical English does not need.

    Attributes:
        name: Short name of the rule, as in the style guide.
        pattern: What it finds.
        advice: What to write instead.
        kinds: The kinds of prose that it applies to.
    """

    name: str
    pattern: re.Pattern[str]
    advice: str
    kinds: frozenset[str] = field(default=ALL)


def _rule(name: str, pattern: str, advice: str, *kinds: str) -> Rule:
    return Rule(name, re.compile(pattern), advice, frozenset(kinds) or ALL)


RULES = (
    _rule(
        "clause-as-subject",
        r"^(- )?(What|Who|Whoever|Whatever|Whom)\b(?!.*\?$)",
        "Name the subject: 'Errors in the configuration', not 'What is wrong in it'.",
    ),
    _rule(
        "passive-of-saying",
        r"\b(is|are|was|were|be|been|being) (told|said|had|put out|let go|let through)\b",
        "Use an active verb: 'reports', 'logs', 'removes'.",
    ),
    _rule(
        "is-no",
        r"(?<![Tt]here )\b([Ii]s|[Aa]re|[Ww]as|[Ww]ere) no "
        r"(?!longer|more than|less than|later than|other\b|matter)",
        "Write 'is not a ...' or 'has no ...'.",
    ),
    _rule(
        "noun-left-out",
        r"^(Of|By|As for|As) (a|an|the|its|each|HTTP|it|that|this|what|whom|who)\b[^,]{0,40}\.$",
        "Write a whole sentence with its noun.",
        "docstring",
    ),
    _rule(
        "relative-without-noun",
        r"\b(of|by|to|for|with|from|than|and|or) (what|whom|whoever|whatever) "
        r"(is|was|are|were|it|has|had|can|may)\b",
        "Name the thing: 'the audio that was heard', not 'what was heard of it'.",
        "docs",
        "error",
        "log",
    ),
    _rule(
        "private-word",
        r"(?i)\b(roads?|governor|studio|stand-?ins?|vetting|unspeakable|unsaid|purchases?|sold|"
        r"bought|buys?|buying|mend|anew|whence|thereof|nets?\b(?=.*keeps)|fates?|verdicts?|zygote)\b",
        "Use the word of the glossary.",
    ),
    _rule(
        "false-friend",
        r"(?i)\b(shortly|eventual(?!ly)|actual(?!ly)|letters? outside|for ever)\b",
        "Say 'briefly', 'possible', 'current', 'characters', 'forever'.",
    ),
    _rule(
        "test-name-clause",
        r"^test_(what|who|whoever|whatever|that|whom|nobody|it)_",
        "Name the behaviour: test_<subject>_<verb>_<result>.",
        "test name",
    ),
    _rule(
        "test-name-dialect",
        r"_(is|are)_(told|no|said|had|put_out|let_go)(_|$)"
        r"|_(roads?|bought|sold|purchases?|fates?)(_|$)",
        "Use the words of the glossary.",
        "test name",
    ),
)


def find_violations(root: Path) -> Iterator[tuple[Text, Rule]]:
    """Yield each piece of prose that breaks a rule, with the rule."""
    for text in read_prose(root):
        if not text.place.startswith(EXEMPT):
            for rule in RULES:
                if text.kind in rule.kinds and rule.pattern.search(text.text):
                    yield text, rule


def main() -> int:
    """Print the violations; return 1 if there are any."""
    found = list(find_violations(Path(*sys.argv[1:2])))
    for text, rule in found:
        print(f"{text.place}: {text.kind}: {text.text}\n    {rule.name}: {rule.advice}")
    if found:
        print(f"{len(found)} sentences to rewrite; docs/contributing/style.md explains the rules.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
