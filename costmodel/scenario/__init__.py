"""One business question: its drivers, their distributions, its options, read and checked."""
