"""A group of commands that knows the nearest name of one that is not in it."""

from __future__ import annotations

import click

from dnnaccel.errors import unknown_name

__all__ = ["Commands"]


class Commands(click.Group):
    """A group whose unknown commands raise `UnknownNameError`, as unknown networks and chips do."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` names and what is left of them."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise unknown_name("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)
