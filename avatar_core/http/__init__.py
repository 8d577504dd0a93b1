"""REST calls over HTTP with a deadline and typed errors, and without retries."""
