"""Other tools' result files as measurements, a module each."""
