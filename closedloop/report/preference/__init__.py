"""Category preference under attack (Figure 2): rates, the preferred level, rasters, numbers beside the paper's."""
