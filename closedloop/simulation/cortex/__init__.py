"""The hidden cortex of a simulated subject: its network, electrodes, training and responses to presentations."""
