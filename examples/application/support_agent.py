"""An application to test: a support agent with a tool, which transfers users to billing."""

from __future__ import annotations

from livekit.agents import Agent, function_tool


class Billing(Agent):
    """Answers questions about bills."""

    def __init__(self) -> None:
        super().__init__(instructions="You explain bills.")

    async def on_enter(self) -> None:
        """Greet the user."""
        await self.session.say("This is billing. What would you like to know?")


class Support(Agent):
    """Answers questions about orders."""

    def __init__(self) -> None:
        super().__init__(instructions="You help users with their orders.")

    @function_tool
    async def find_order(self, number: int) -> str:
        """Return the status of an order.

        Args:
            number: The number of the order.
        """
        return f"Order {number} arrives tomorrow."

    @function_tool
    async def transfer_to_billing(self) -> Agent:
        """Transfer the user to billing."""
        return Billing()
