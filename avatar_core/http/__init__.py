"""REST over HTTP: one call, its deadline, its answer and its errors; no retries."""
