"""The stage `ingest`: from journal and recording to spike counts, each presentation used or set aside with a reason."""
