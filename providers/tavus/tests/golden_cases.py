"""The settings of the golden requests, by the name of the golden file."""

from __future__ import annotations

from typing import Any

EVERYTHING: dict[str, Any] = {
    "pal_id": "pb87e71797da",
    "face_id": "r0d1a2b3c4e5",
    "max_call_duration": 600,
    "participant_left_timeout": 5,
    "participant_absent_timeout": 90,
    "language": "spanish",
    "custom_greeting": "Hola.",
    "conversational_context": "A shop for shoes.",
    "audio_only": False,
    "test_mode": False,
    "callback_url": "https://example.com/tavus",
    "max_participants": 3,
    "memory_stores": ["anna"],
    "document_ids": ["d1", "d2"],
    "document_tags": ["shoes"],
    "document_retrieval_strategy": "balanced",
    "enable_recording": True,
    "recording_s3_bucket_name": "bucket",
    "recording_s3_bucket_region": "eu-central-1",
    "aws_assume_role_arn": "arn:aws:iam::1:role/tavus",
    "enable_closed_captions": True,
    "apply_greenscreen": True,
}
STORAGE: dict[str, Any] = {
    "enable_recording": True,
    "recording_storage": {
        "provider": "s3",
        "bucket_name": "conversation-recordings",
        "bucket_region": "us-east-1",
        "assume_role_arn": "arn:aws:iam::123456789012:role/TavusRecordingWriter",
        "external_id": "tavus-acct-abc123",
    },
}
GOLDEN_CASES: dict[str, dict[str, Any]] = {
    "face-as-variant": {"variant": "r9f8e7d6c5b4"},
    "own-pal": {"pal_id": "p1"},
    "own-storage": STORAGE,
    "everything": EVERYTHING,
}
