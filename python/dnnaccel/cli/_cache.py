"""The command that shows and clears the cache of searches: `cache`."""

from __future__ import annotations

import click

__all__ = ["cache"]


@click.command(
    short_help="Show or clear the cache of what searches found.",
    epilog="""\b
Examples:
  dnnaccel cache
  dnnaccel cache --path
  dnnaccel cache --clear

\b
The variable DNNACCEL_CACHE names another directory; 0 or off turns the cache off.
""",
)
@click.option("--path", "only_path", is_flag=True, help="Print where it is and nothing else.")
@click.option("--clear", is_flag=True, help="Remove all that is in it.")
def cache(only_path: bool, clear: bool) -> None:
    """Show the cache of what searches and the atlas found, which makes the next run of the same instant."""
    from dnnaccel._search_cache import MAX_BYTES, MAX_ENTRIES, atlas_store, open_cache
    from dnnaccel.errors import DnnAccelError

    if only_path and clear:
        raise DnnAccelError("--path prints where the cache is, --clear empties it; give one of them")
    store, atlas = open_cache(), atlas_store()
    kept = [] if atlas is None else [atlas.with_name(atlas.name + end) for end in ("", "-wal", "-shm")]
    atlas_size = sum(file.stat().st_size for file in kept if file.is_file())
    if store is None:
        click.echo("the cache is off (DNNACCEL_CACHE)")
    elif only_path:
        click.echo(store.place)
    elif clear:
        count, size = store.clear()
        for file in kept:
            file.unlink(missing_ok=True)
        click.echo(f"removed {count} answer{'s' * (count != 1)}, {_megabytes(size)}, from {store.place}")
        if atlas_size:
            click.echo(f"removed the atlas, {_megabytes(atlas_size)}")
    else:
        count, size = store.size()
        click.echo(f"directory  {store.place}")
        click.echo(f"answers    {count} of at most {MAX_ENTRIES}")
        click.echo(f"size       {_megabytes(size)} of at most {_megabytes(MAX_BYTES)}")
        if atlas_size:
            click.echo(f"atlas      {_megabytes(atlas_size)}, {atlas}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
