"""Studies: what data, size, privacy and explanations do to speed and quality, measured here.

Each run is small enough to finish on the machine at hand and is kept as a `Measurement` of kind
`study`. What the runs say about a plan is costmodel's business.
"""
