"""Denoising: what a diffusion transformer is given in a step, and whole images in so many steps.

Latents are those of an autoencoder that makes a side 8 times smaller. An image takes `steps`
passes, each followed by Euler's step along what the model says (rectified flow, arXiv:2209.03003).
Text encoders, the autoencoder and a second pass for guidance aren't part of it: they are works of
their own. Text is as long as in the pipelines of diffusers: 77 + 256 tokens for SD 3, 512 for FLUX.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from modelworth.data.errors import InputError

PIXELS_PER_LATENT = 8
TEXT_TOKENS = {"SD3Transformer2DModel": 333, "FluxTransformer2DModel": 512}
FLUX_LATENT = 128
"""Side of the latents of an image of 1,024 pixels; FLUX's config names none."""


def inputs(
    config: Any,
    batch: int,
    device: torch.device,
    generator: torch.Generator | None,
    pixels: int | None,
) -> dict[str, torch.Tensor]:
    """Latent images with noise, noise levels and conditions of a class's forward pass.

    Raises:
        InputError: if the pixels don't make whole latents and patches.
    """

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device=device, generator=generator)

    side = _side(config, pixels)
    level = torch.full((batch,), 0.5, device=device)
    kind = config["_class_name"]
    if kind == "DiTTransformer2DModel":
        shape, top = (batch,), config["num_embeds_ada_norm"]
        return {
            "hidden_states": normal(batch, config["in_channels"], side, side),
            "timestep": level * 1000,
            "class_labels": torch.randint(0, top, shape, device=device, generator=generator),
        }
    text = {
        "encoder_hidden_states": normal(batch, TEXT_TOKENS[kind], config["joint_attention_dim"]),
        "pooled_projections": normal(batch, config["pooled_projection_dim"]),
    }
    if kind == "SD3Transformer2DModel":
        latent = normal(batch, config["in_channels"], side, side)
        return {"hidden_states": latent, "timestep": level * 1000, **text}
    rows = torch.arange(side // 2, device=device, dtype=torch.float32)
    places = torch.cartesian_prod(torch.zeros(1, device=device), rows, rows)
    given = {
        "hidden_states": normal(batch, len(rows) ** 2, config["in_channels"]),
        "timestep": level,
        "img_ids": places,
        "txt_ids": torch.zeros(TEXT_TOKENS[kind], 3, device=device),
        **text,
    }
    return {**given, "guidance": level} if config["guidance_embeds"] else given


def _side(config: Any, pixels: int | None) -> int:
    """Of square latents."""
    if pixels is None:
        return int(config.get("sample_size", FLUX_LATENT))
    patch = PIXELS_PER_LATENT * max(2, int(config["patch_size"]))
    if pixels % patch:
        raise InputError("workload.image_pixels", pixels, f"a multiple of {patch}")
    return pixels // PIXELS_PER_LATENT


def noised(
    batch: dict[str, torch.Tensor], generator: torch.Generator | None
) -> dict[str, torch.Tensor]:
    """The batch with the noise that is in it, which the model learns to tell."""
    latents = batch["hidden_states"]
    noise = torch.randn(latents.shape, device=latents.device, generator=generator)
    return {**batch, "labels": noise}


def loss_of(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean squared error of the noise (Ho et al. 2020, arXiv:2006.11239)."""
    given = {key: value for key, value in batch.items() if key != "labels"}
    noise = batch["labels"]
    found = model(**given).sample[:, : noise.shape[1]]  # DiT tells a variance besides
    return functional.mse_loss(found.float(), noise)


class Denoiser:
    """Latents on their way to images; `images` holds the last ones."""

    def __init__(self, model: Any, batch: dict[str, torch.Tensor], steps: int) -> None:
        self.model, self.images = model, batch["hidden_states"]
        self._start, self._steps = batch["hidden_states"], steps
        self._given = {key: value for key, value in batch.items() if key != "hidden_states"}
        largest = 2 * batch["timestep"]  # the level in the middle was given
        shares = torch.linspace(1, 0, steps + 1, device=largest.device)[:-1]
        self._levels = [(share * largest).to(largest.dtype) for share in shares]

    def step(self, latents: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """One pass, and Euler's step along what it says."""
        given = {**self._given, "timestep": level}
        said = self.model(hidden_states=latents, **given).sample[:, : latents.shape[1]]
        return latents - said / self._steps

    def generate(self, step: Any) -> None:
        """Whole images from the same noise, by `step` or what it was compiled to."""
        with torch.inference_mode():
            latents = self._start.clone()  # of this mode, as all later ones: compiled once
            for level in self._levels:
                latents = step(latents, level)
        self.images = latents
