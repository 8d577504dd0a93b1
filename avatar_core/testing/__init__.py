"""For tests of applications and providers: virtual time, and a conversation to judge."""
