"""Every error that a user can meet. Each message says what is wrong and what to do about it."""

from pulmoscan.errors.archives import *
from pulmoscan.errors.base import *
from pulmoscan.errors.calls import *
from pulmoscan.errors.dicom import *
from pulmoscan.errors.files import *
from pulmoscan.errors.installed import *
from pulmoscan.errors.network import *
from pulmoscan.errors.runs import *
from pulmoscan.errors.site import *
