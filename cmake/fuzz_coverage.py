"""Line coverage of the fuzz targets under their corpora: python3 fuzz_coverage.py BUILD VERSION TARGET...

BUILD/tests/fuzz_TARGET.covers holds in its first line the least share of lines in percent and the targets
whose corpora count too, then the sources that the target is there for (cmake/fuzz.cmake). Each program
replays its corpus and the inputs that ever failed. Prints a table of targets, for a single target its files
with the lines that were not run as well; fails below a least share. VERSION is that of the LLVM tools.
"""

import json
import pathlib
import subprocess
import sys


class Target:
    def __init__(self, build, name):
        first, *self.sources = (build / "tests" / f"fuzz_{name}.covers").read_text().splitlines()
        least, *companions = first.split()
        self.name, self.least, self.companions = name, int(least), companions
        self.programs = [build / "tests" / f"fuzz_{each}" for each in [name, *companions]]
        self.profile = self.programs[0].with_suffix(".profdata")

    def replay(self):
        raws = []
        for name, program in zip([self.name, *self.companions], self.programs):
            raws.append(program.with_suffix(".profraw"))
            folders = [f"tests/fuzz/{kind}/{name}" for kind in ("corpus", "regression")]
            subprocess.run([program, *folders], check=True, stdout=subprocess.DEVNULL,
                           env={"LLVM_PROFILE_FILE": str(raws[-1])})
        subprocess.run([tool("llvm-profdata"), "merge", "-o", self.profile, *raws], check=True)
        for raw in raws:
            raw.unlink()

    def ask(self, command, *arguments):
        objects = [self.programs[0]]
        for program in self.programs[1:]:
            objects += ["-object", program]
        return subprocess.run([tool("llvm-cov"), command, *objects, f"-instr-profile={self.profile}",
                               *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout

    def files(self):
        report = self.ask("export", "-skip-functions", *self.sources)
        return json.loads(report)["data"][0]["files"]

    def lines_not_run(self, file):
        for line in self.ask("show", file).splitlines():
            fields = line.split("|", 2)
            if len(fields) == 3 and fields[1].strip() == "0":
                yield f"  {int(fields[0])}: {fields[2].rstrip()}"


def tool(name):
    return f"{name}-{sys.argv[2]}"


def name_of(file):
    path = pathlib.Path(file["filename"])
    return str(path.relative_to(pathlib.Path.cwd()) if path.is_absolute() else path)


def show(target, files):
    lines = sum(file["summary"]["lines"]["count"] for file in files)
    run = sum(file["summary"]["lines"]["covered"] for file in files)
    share = 100 * run / lines
    inputs = [path for path in pathlib.Path("tests/fuzz/corpus", target.name).glob("*")]
    size = sum(path.stat().st_size for path in inputs) / 1024
    notes = [f"with {name}" for name in target.companions]
    if share < target.least:
        notes.insert(0, f"below {target.least} %")
    print(f"{target.name:<16} {len(files):5} {run:6} of {lines:4} {share:6.1f} % {len(inputs):6} "
          f"{size:6.0f} KiB  {', '.join(notes)}".rstrip(), flush=True)
    return share >= target.least


def show_files(target, files):
    for file in files:
        lines = file["summary"]["lines"]
        print(f"{name_of(file)}: {lines['covered']} of {lines['count']}")
        for line in target.lines_not_run(file["filename"]):
            print(line)


def main():
    good = True
    print("target           files      lines run    share inputs     corpus", flush=True)
    for name in sys.argv[3:]:
        target = Target(pathlib.Path(sys.argv[1]), name)
        target.replay()
        files = target.files()
        good &= show(target, files)
        if len(sys.argv) == 4:
            show_files(target, files)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
