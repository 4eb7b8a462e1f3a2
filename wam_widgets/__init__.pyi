# The one list of public names: lazy_loader reads it at run time, type checkers and editors read it as a stub.
from . import attribution as attribution
from . import evaluation as evaluation
from . import plots as plots
from . import samples as samples
from . import transform as transform
from . import widgets as widgets
from .attribution import Contrast as Contrast
from .attribution import Explanation as Explanation
from .attribution import Score as Score
from .attribution import explain as explain
from .attribution import gradcam as gradcam
from .attribution import load as load
from .attribution import time_frequency_map as time_frequency_map
from .evaluation import add_noise as add_noise
from .evaluation import overlap as overlap
from .evaluation import separation as separation
from .evaluation import si_sdr as si_sdr
from .export import export_html as export_html
from .export import to_iframe as to_iframe
from .plots import plot as plot
from .sound import to_wav as to_wav
from .transform import Coefficients as Coefficients
from .transform import Grid as Grid
from .transform import LogMel as LogMel
from .transform import decompose as decompose
from .transform import pull_back as pull_back
from .transform import reconstruct as reconstruct
from .widgets import ImageExplorer as ImageExplorer
from .widgets import ScaleSliders as ScaleSliders
from .widgets import SpectrogramPlayer as SpectrogramPlayer
from .widgets import VolumeViewer as VolumeViewer
from .widgets import show as show

__version__: str
