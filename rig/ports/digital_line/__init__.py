"""A valve on a digital line: of a parallel port, an NI-DAQ or a LabJack. None was ever tried on a device."""
