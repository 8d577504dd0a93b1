"""Functions that control the live avatar of LemonSlice: actions, prompts and images."""

from __future__ import annotations

from typing import Literal

import avatar_core

Action = Literal[
    "adjust_collar", "angry", "arms_crossed", "blow_kiss", "clasp_hands", "clear_action",
    "deep_breath", "excited", "explain", "explain_finger_up", "explain_palms_up", "glance_down",
    "glance_down_then_rub_eye", "glance_right", "glance_side_down_side", "glance_side_up",
    "glance_sideways", "glance_up", "hands_on_hip", "hold_chin", "laugh", "lean_long", "lean_slow",
    "lean_strong", "listen", "looking_around", "move_more", "move_subtle", "phone_call",
    "raise_eyebrow", "rub_eye", "rub_eye_then_touch_hair", "shoulder_shimmy", "smile", "texting",
    "tilt_head_right", "touch_chin", "touch_hair", "turn_left", "wave", "yawn",
]  # fmt: skip
"""The actions of the models cwm-1 and cwm-1-lite. `clear_action` ends the current action."""


async def perform_action(avatar: avatar_core.AvatarSession, action: Action) -> None:
    """Let the current avatar perform an action once. Needs the model cwm-1 or cwm-1-lite.

    Args:
        avatar: The avatar session of the agent.
        action: The action, which replaces the current action.

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice, or the action is unknown.
        RoomError: The data packet could not be sent.
    """
    await avatar.control("ls.action", action=action)


async def set_user_state(
    avatar: avatar_core.AvatarSession, state: Literal["speaking", "idle"]
) -> None:
    """Report whether the user speaks, so that the avatar looks as if it listens.

    The state has an effect with `action_engine="natural"`.

    Args:
        avatar: The avatar session of the agent.
        state: The state of the user.

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice, or the state is unknown.
        RoomError: The data packet could not be sent.
    """
    await avatar.control("ls.user-state", state=state)


async def set_prompt(avatar: avatar_core.AvatarSession, prompt: str) -> None:
    """Set the prompt for the movements while the avatar speaks. The models cwm-1 ignore it.

    Args:
        avatar: The avatar session of the agent.
        prompt: The prompt, such as "look excited".

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice.
        ProvisionError: LemonSlice refused the prompt, or the call failed.
    """
    await avatar.control("update-agent-prompt", agent_prompt=prompt)


async def set_idle_prompt(avatar: avatar_core.AvatarSession, prompt: str) -> None:
    """Set the prompt for the movements while the avatar is silent. The models cwm-1 ignore it.

    Args:
        avatar: The avatar session of the agent.
        prompt: The prompt, such as "bored, looking around".

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice.
        ProvisionError: LemonSlice refused the prompt, or the call failed.
    """
    await avatar.control("update-idle-prompt", idle_prompt=prompt)


async def set_image(avatar: avatar_core.AvatarSession, image: str) -> None:
    """Replace the image of the avatar. LemonSlice cuts off speech that is being played.

    Args:
        avatar: The avatar session of the agent.
        image: The URL of the image. A data URL with base64 contains the image itself, which must
            have fewer than 900 KB.

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice.
        ProvisionError: LemonSlice refused the image, or the call failed.
    """
    key = "image_base64" if image.startswith("data:") else "image_url"
    await avatar.control("update-image", **{key: image})


async def trigger_pose(avatar: avatar_core.AvatarSession, name: str) -> None:
    """Let the avatar perform an action that LemonSlice has prepared for your agent.

    Args:
        avatar: The avatar session of the agent.
        name: The name of the action.

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice.
        ProvisionError: LemonSlice refused the action, or the call failed.
    """
    await avatar.control("pose-trigger", pose_trigger={"name": name})


async def reset_idle_timeout(avatar: avatar_core.AvatarSession) -> None:
    """Begin the idle timeout again, for a user who is present but silent.

    Args:
        avatar: The avatar session of the agent.

    Raises:
        UnsupportedCommandError: The current avatar is not of LemonSlice.
        ProvisionError: The call failed.
    """
    await avatar.control("reset-idle-timeout")
