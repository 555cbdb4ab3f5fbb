"""What is wired to the rig: codes, gaze, reward, recorder, clock."""
