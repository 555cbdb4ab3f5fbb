"""The daily service: keeps a loop running for each study, tells a laboratory what it needs, and shows a page."""
