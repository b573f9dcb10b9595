"""The command palette: the commands of the visible tab first, then all others in the order of the help screen."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hit, Hits, Provider


class Commands(Provider):
    """Offers the app's commands in the app's order; Textual's own provider sorts them by name."""

    async def discover(self) -> Hits:
        """Yield all commands."""
        for command in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(command.title, command.callback, help=command.help)

    async def search(self, query: str) -> Hits:
        """Yield the commands whose title or help matches.

        Args:
            query: What was typed.
        """
        matcher = self.matcher(query)
        for command in self.app.get_system_commands(self.screen):
            score = max(matcher.match(command.title), 0.5 * (query.lower() in command.help.lower()))
            if score > 0:
                yield Hit(score, matcher.highlight(command.title), command.callback, help=command.help)
