"""archspec: neural-network architectures written down as data."""
