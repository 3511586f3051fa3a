"""The agent's workspace and everybody's home: the one place that composes and ranks across domains."""
