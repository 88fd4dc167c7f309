"""From an architecture and a device to time and energy, with an interval and a basis."""
