"""The day's page, the study's page, sensitivity.csv. Importing this imports no matplotlib: see `pages.write_report`."""
