"""The models that can be measured: built from their configs, counted, spread over ranks."""
