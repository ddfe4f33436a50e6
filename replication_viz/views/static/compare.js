// Was and now: what differs in the knobs, what that does to the numbers.
