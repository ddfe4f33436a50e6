"""What draws a trace: the moving stage, posters, charts. Views draw; they never make a run."""
