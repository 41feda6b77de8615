"""Debian packages and their descriptions, without root and without a change to the system."""

import subprocess
from pathlib import Path


class Packages:
    """Fetches from the sources that apt knows here into a folder of its own."""

    def __init__(self, folder):
        self.folder = Path(folder).resolve()
        for part in ("lists/partial", "archives/partial", "debs", "files"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)

    def apt(self, *arguments):
        options = ["Acquire::Languages=de,en", f"Dir::State={self.folder}", f"Dir::State::lists={self.folder}/lists",
                   f"Dir::Cache={self.folder}", "Dir::State::status=/var/lib/dpkg/status", "APT::Sandbox::User="]
        command = ["apt-get", "-q"] + [word for option in options for word in ("-o", option)] + list(arguments)
        done = subprocess.run(command, cwd=self.folder / "debs", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
        if done.returncode != 0:
            raise SystemExit(f"apt-get {' '.join(arguments)} failed; what it said:\n{done.stdout}")

    def update(self):
        if not list(self.folder.glob("lists/*Translation-de*")):
            self.apt("update")
        if not list(self.folder.glob("lists/*Translation-de*")):
            raise SystemExit("The sources that apt knows here have no German descriptions of packages (Translation-de); "
                             "give /etc/apt a Debian mirror that has them.")

    def descriptions(self, language):
        """The texts of apt's indexes of package descriptions in a language, one an index."""
        for index in sorted(self.folder.glob(f"lists/*_Translation-{language}*")):
            yield subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(index)], check=True,
                                 stdout=subprocess.PIPE).stdout.decode()

    def unpack(self, *names):
        """The folder in which the files of these packages, and of those asked for before, are as if installed."""
        for name in names:
            if not list(self.folder.glob(f"debs/{name}_*.deb")):
                self.apt("download", name)
            package, = self.folder.glob(f"debs/{name}_*.deb")
            unpacked = self.folder / "debs" / (name + ".unpacked")
            if not unpacked.exists():
                subprocess.run(["dpkg-deb", "-x", str(package), str(self.folder / "files")], check=True)
                unpacked.touch()
        return self.folder / "files"
