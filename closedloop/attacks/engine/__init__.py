"""The engine: many searches at once through one model, whose results depend on no batch.

- `find`: The loop: starts of tasks enter a batch of slots, take steps, end, and the best start of each task comes
  out.
- `steps`: What happens in the slots in one step.
- `evaluation`: Asking the model: padded batches, in parts where memory is short, in the precision that was asked for.
- `room`: How many slots there are, and where what has no room waits.
- `batch_size`, `devices`: How wide, where.
"""
