// The story as a table in step with the clock: the picture for who reads instead of looking.
