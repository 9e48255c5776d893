"""The standard operations on flat input, of shape (n, features)."""

from __future__ import annotations

from torch import nn

from skopdist.operations._registry import register_standard

# Layer normalisation, for statistics over a batch fail on a batch of one and leak between samples.


def _norm_linear(channels: int, activation: nn.Module, width: int = 1) -> nn.Module:
    return nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels * width), activation)


@register_standard("linear_relu", n_spatial=0)
def _linear_relu(channels: int) -> nn.Module:
    return _norm_linear(channels, nn.ReLU())


@register_standard("linear_silu", n_spatial=0)
def _linear_silu(channels: int) -> nn.Module:
    return _norm_linear(channels, nn.SiLU())


@register_standard("linear_tanh", n_spatial=0)
def _linear_tanh(channels: int) -> nn.Module:
    return _norm_linear(channels, nn.Tanh())


@register_standard("gated_linear", n_spatial=0)
def _gated_linear(channels: int) -> nn.Module:
    # Gated linear units: Dauphin et al. 2017, arXiv 1612.08083.
    return _norm_linear(channels, nn.GLU(dim=1), width=2)
