"""The panel in napari: a project folder, an image of it, and a button for each step from points to segmented cells."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from lacss_tools.annotate.pick.loi_table import keep_original
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.project import Project, place
from lacss_tools.napari.layers import OWN, POINTS, images_of, layers_of
from lacss_tools.napari.plan import STEPS, Choices
from lacss_tools.napari.worker import Event, Work
from lacss_tools.napari.writers import write_points

FOLDER_FIRST = "Choose a project folder: one with images/ and dapi/ in it."
DONE = ("added", "removed", "changed")
"""what napari calls edits of points that are finished"""
BAR = 1000
"""steps of the progress bar"""


def make_panel() -> Any:
    """Return the panel, a container of magicgui, for the viewer that is open."""
    import napari

    return Panel(napari.current_viewer()).container


class Panel:
    """The panel of a viewer, the layers that it shows, and the work under way."""

    def __init__(self, viewer: Any):
        from magicgui import widgets

        self.viewer = viewer
        self.work: Work | None = None
        self.stems: tuple[str, ...] = ()
        about = Choices()
        self.folder = widgets.FileEdit(label="project", mode="d", value="")
        self.image = widgets.ComboBox(label="image", choices=lambda _: self.stems)  # napari asks again and again
        self.channel = widgets.LineEdit(label="nucleus channel", tooltip="where images/ shows the nuclei too")
        self.run = widgets.LineEdit(label="run", value=about.run, tooltip="name of the training, in runs/")
        self.minutes = widgets.FloatSpinBox(label="minutes", value=about.minutes, min=0.1, max=10000, step=1)
        self.redo = widgets.CheckBox(text="redo finished files", value=about.redo)
        self.buttons = {name: widgets.PushButton(text=name) for name in STEPS}
        self.bar = widgets.ProgressBar(label="", max=BAR)
        self.cancel = widgets.PushButton(text="Cancel", enabled=False, tooltip="a second time: without saving")
        self.note = widgets.Label(value=FOLDER_FIRST)
        self.note.native.setWordWrap(True)
        self.bar.native.setFormat("")
        rows = [self.folder, self.image, self.channel, self.run, self.minutes, self.redo, *self.buttons.values()]
        self.container = widgets.Container(widgets=[*rows, self.bar, self.cancel, self.note])
        self._connect()

    def _connect(self) -> None:
        """Connect functions, which keep the panel alive: of methods signals would only keep weak references."""
        self.folder.changed.connect(lambda: self.list_images())
        self.image.changed.connect(lambda: self.show())
        self.cancel.changed.connect(lambda: self.stop())
        for name, button in self.buttons.items():
            button.changed.connect(lambda _, name=name: self.begin(name))

    @property
    def project(self) -> Project:
        """The project folder that is chosen."""
        return Project(Path(self.folder.value))

    def choices(self) -> Choices:
        """Return what is chosen, as the command lines take it."""
        from lacss_tools.train.checkpoint import LAST

        run = self.run.value.strip() or Choices().run
        begun = (self.project.runs / run / LAST).exists()
        return Choices(self.channel.value.strip(), run, self.minutes.value, begun, self.redo.value)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell an error that a user can act on."""
        try:
            yield
        except LacssError as error:
            self.note.value = str(error)

    # ---- images and layers ------------------------------------------------------------------------------------------

    def list_images(self) -> None:
        """Offer the images of the folder, and show the first."""
        self.stems = ()
        with self._told():
            self.stems = tuple(images_of(self.project))
            self.note.value = f"{len(self.stems)} images"
        with self.image.changed.blocked():
            self.image.reset_choices()
        self.show()

    def show(self) -> None:
        """Show the chosen image with all that is known of it, in place of the last one."""
        from napari.layers import Layer

        for layer in [layer for layer in self.viewer.layers if OWN in layer.metadata]:
            self.viewer.layers.remove(layer)
        stem = self.image.value
        with self._told():
            for data in layers_of(self.project, stem) if stem else []:
                layer = self.viewer.add_layer(Layer.create(*data))
                if layer.name == POINTS:
                    layer.events.data.connect(lambda event: self._save_points(event, stem))

    def _save_points(self, event: Any, stem: str) -> None:
        """Save points that were moved, added or deleted, as `lacss pick` does: at once, the first state beside them."""
        if str(event.action) not in DONE:
            return
        with self._told():
            if self.work is not None:
                raise InputError("Points are not saved while a step is under way. Edit them again when it is done.")
            table = place(self.project.lois, ".csv").file(stem)
            keep_original(table)
            write_points(str(table), *event.source.as_layer_data_tuple()[:2])
            self.note.value = f"{len(event.source.data)} points saved: {table}"

    # ---- work -------------------------------------------------------------------------------------------------------

    def begin(self, name: str) -> None:
        """Begin the step of a button."""
        if not self.stems:
            self.note.value = FOLDER_FIRST
            return
        self.work = Work(self.project.root, STEPS[name](self.choices()))
        self._set_busy(True)
        Thread(target=self._follow, args=(self.work,), daemon=True).start()

    def _follow(self, work: Work) -> None:
        """Pass on what commands say, from a thread that waits for it to that of the window."""
        from superqt.utils import ensure_main_thread

        hear, end = ensure_main_thread(self.hear), ensure_main_thread(self.end)
        for event in work.events():
            hear(event)
        end()

    def hear(self, event: Event) -> None:
        """Show what a command says."""
        if event.done is None:
            self.note.value = event.text
        else:
            self.bar.value = round(BAR * event.done)
            self.bar.native.setFormat(f"{event.text}: %p%")

    def end(self) -> None:
        """Show what the step left of the chosen image."""
        self.work = None
        self._set_busy(False)
        self.show()

    def stop(self) -> None:
        """Stop the step; training saves its state first, unless it is asked twice."""
        if self.work is not None:
            self.note.value = "Stopping ..."
            self.work.stop()

    def _set_busy(self, busy: bool) -> None:
        self.cancel.enabled = busy
        self.bar.value = 0
        self.bar.native.setFormat("")
        for button in self.buttons.values():
            button.enabled = not busy
