"""The launcher beside the animal: shows a sealed session folder, writes a journal. No torch, no model, no network."""
