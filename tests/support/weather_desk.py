"""An application for tests: an agent with a tool, and a second agent that takes over."""

from __future__ import annotations

from livekit.agents import Agent, AgentSession, function_tool

from avatar_core.testing import ScriptedLLM

LONG = "There is a lot to tell about it, because the weather in Rome changes every single day."
RESPONSES = {
    "Weather?": "It is sunny in Rome today.",
    "Tell me more": LONG,
    "My bill?": "",
}
CALLS = {"Weather?": {"get_weather": {"city": "Rome"}}, "My bill?": {"transfer_to_billing": {}}}


class Billing(Agent):
    """The second agent of the application."""

    def __init__(self) -> None:
        super().__init__(instructions="You explain bills.")

    async def on_enter(self) -> None:
        """Greet the user."""
        await self.session.say("Welcome to billing!")


class Clerk(Agent):
    """The first agent of the application, with a tool and a hand-off."""

    def __init__(self) -> None:
        super().__init__(instructions="You know the weather.")
        self.cities: list[str] = []

    @function_tool
    async def get_weather(self, city: str) -> str:
        """Return the weather.

        Args:
            city: The city.
        """
        self.cities.append(city)
        return "sunny"

    @function_tool
    async def transfer_to_billing(self) -> Agent:
        """Transfer the user to billing."""
        return Billing()


def make_session() -> AgentSession:
    """Create a session whose model knows the responses and the tools."""
    return AgentSession(llm=ScriptedLLM(RESPONSES, calls=CALLS))
