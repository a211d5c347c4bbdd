"""What workers do: claim a job, render it, store it, and what comes of it when something is in the way."""
