def write_coverage_report(folder, *, command):
    return folder
