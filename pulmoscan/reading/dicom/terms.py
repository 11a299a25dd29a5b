"""Words and codes for views and body parts, as devices of many makers and countries write them.

Only what plainly names another view or another part of the body is a reason to refuse; a word that nobody knows is not,
since the gate looks at the picture itself afterwards.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Direction = Literal["frontal", "other", "unknown"]
Region = Literal["chest", "other", "unknown"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


UNSTATED = ("", "UNKNOWN", "OTHER", "DEFAULT", "UNDEFINED", "UNSPECIFIED", "NONE", "NULL", "NA", "N/A")

FRONTAL_CODES = {
    "272479007": "PA",
    "399348003": "AP",
    "399033003": "FRONTAL",
    "R-40888": "PA",
    "R-10214": "PA",
    "R-10206": "AP",
    "R-10202": "FRONTAL",
}
"""Frontal views of PS3.16 CID 4010: SNOMED CT, and SNOMED RT as older devices write it."""

OTHER_VIEW_CODES = _words(
    "399038007 399225005 399059000 399061009 30730003 399110001 399162004 399099002 399242004 399351005 260499007 "
    "399288005 399071006 399135007 260427002 399236003 399368009 399198007 399196006 399360002 119376003 399173006 "
    "399272005 399356000 399255003 399312000 399352003 399184004 399335002 399316002 399182000 260426006 399132005 "
    "399325008 399260004 399160007 399004004 399067008 399006002 R-102CD R-10236 R-10232"
)
"""All other views of CID 4010: lateral, oblique, axial and so on."""

FRONTAL_WORD = re.compile(
    r"(PA|AP)(ERECT|STANDING|SUPINE|SITTING|UPRIGHT|PORT|PORTABLE|BED|CHEST|THORAX|E|S)?|DV|VD|FRONT|FACE|FRENTE|CORONAL"
)
FRONTAL_STEMS = ("FRONTAL", "POSTEROANT", "ANTEROPOST", "POSTERIORANT", "ANTERIORPOST", "DORSOVENT", "VENTRODORS")
FRONTAL_IN_OTHER_SCRIPTS = ("正面", "正位", "ПРЯМ", "ФРОНТ", "정면")
SIDE_WORDS = _words("LL RL LLO RLO LAO RAO LPO RPO LLAT RLAT LATL LATR LLD RLD ML LM MLO CC SIDE")
SIDE_STEMS = ("LAT", "OBLIQ", "SEITL", "SCHRAG", "SCHRAEG", "PROFIL", "PERFIL", "AXIAL", "TANGENT", "DECUB", "SAGITT")
SIDE_IN_OTHER_SCRIPTS = ("側面", "侧位", "侧面", "側位", "БОКОВ", "측면")

CHEST_WORDS = (
    *("CHEST", "THORA", "TORAX", "TORAC", "TORAK", "LUNG", "PULM", "PECHO", "POUMON", "RIB", "BRUSTK", "LONGEN"),
    *("KLATKA", "HRUDNI", "MELLKAS", "RINDKERE", "KRUTIN", "GOGUS", "BABYGRAM"),
    *("胸", "肺", "흉부", "가슴", "ГРУД", "ЛЕГК", "ΘΩΡΑ", "صدر", "חזה"),
)
CHEST_CODES = _words(
    "51185008 816094009 43799004 39607008 86598002 113197003 72410000 80891009 416319003 416550000 417437006 "
    "416152001 416775004 38266002 T-D3000 T-28000 T-280A0 T-11300 T-D3300 T-32000 R-FAB52 R-FAB53 R-FAB54 R-FAB55 "
    "R-FAB56 T-D0010"
)
"""Regions of PS3.16 CID 4031 that hold the lungs."""

OTHER_PARTS = _words(
    # PS3.16 annex L, and the same in the languages that are met most
    "HAND WRIST FOREARM ELBOW HUMERUS SHOULDER ARM FINGER THUMB RADIUS ULNA CLAVICLE SCAPULA HEAD SKULL BRAIN NECK "
    "JAW MANDIBLE MAXILLA TEETH TOOTH DENTAL EYE ORBIT NOSE NASAL SINUS SINUSES FACIAL EAR TONGUE THYROID SPINE "
    "CSPINE LSPINE SSPINE CERVICAL LUMBAR SACRUM SACRAL COCCYX ABDOMEN KUB PELVIS HIP LEG FEMUR THIGH KNEE PATELLA "
    "TIBIA FIBULA ANKLE FOOT FEET TOE CALCANEUS HEEL EXTREMITY BREAST MAMMA KIDNEY BLADDER UTERUS LIVER STOMACH "
    "COLON BOWEL RECTUM PROSTATE PENIS LARYNX "
    "MANO MUNECA CODO HOMBRO CABEZA CRANEO CUELLO COLUMNA CADERA PIERNA RODILLA TOBILLO PIE DEDO "
    "MAIN POIGNET COUDE EPAULE TETE CRANE COU RACHIS BASSIN HANCHE JAMBE GENOU CHEVILLE PIED DOIGT "
    "HANDGELENK ELLENBOGEN SCHULTER KOPF SCHAEDEL SCHADEL HALS WIRBELSAULE BECKEN HUFTE HUEFTE BEIN KNIE FUSS "
    "POLSO GOMITO SPALLA TESTA CRANIO COLLO ADDOME BACINO ANCA GAMBA GINOCCHIO CAVIGLIA PIEDE "
    "MAO PUNHO COTOVELO OMBRO CABECA PESCOCO COLUNA QUADRIL PERNA JOELHO TORNOZELO"
)


def frontal_joined(view: str) -> str:
    """`P-A`, `p.a.` and `P A` as `PA`; all other text as it is, in capitals."""
    return re.sub(r"\b([AP])[\s./\\-]+([AP])\b\.?", r"\1\2", folded(view).replace("_", " "))


def direction(view: str) -> Direction:
    """What a view's words say. One that names both, as `PA LATERAL`, says nothing."""
    words = re.findall(r"\w+", frontal_joined(view))
    together = "".join(words)
    frontal = any(FRONTAL_WORD.fullmatch(word) for word in words)
    frontal = frontal or any(stem in together for stem in (*FRONTAL_STEMS, *FRONTAL_IN_OTHER_SCRIPTS))
    side = any(word in SIDE_WORDS or word.startswith(SIDE_STEMS) for word in words)
    side = side or any(stem in together for stem in SIDE_IN_OTHER_SCRIPTS)
    if frontal == side:
        return "unknown"
    return "frontal" if frontal else "other"


def region(part: str) -> Region:
    """What a body part's words say."""
    readings = [folded(reading) for reading in _readings(part)]
    if any(word in reading for reading in readings for word in CHEST_WORDS):
        return "chest"
    words = re.findall(r"\w+", readings[0].replace("_", " "))
    return "other" if any(w in OTHER_PARTS or w.removesuffix("S") in OTHER_PARTS for w in words) else "unknown"


def folded(text: str) -> str:
    """In capitals and without accents: `Tórax` is `TORAX`."""
    bare = (c for c in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(c))
    return unicodedata.normalize("NFKC", "".join(bare))


def _readings(part: str) -> list[str]:
    """A body part is a code string, which is ASCII; what else is met there may be in any character set."""
    readings = [part]
    if not part.isascii():
        for encoding in ("utf-8", "gb18030", "shift_jis", "euc_kr", "cp1251", "big5"):
            try:
                readings.append(part.encode("latin-1").decode(encoding))
            except UnicodeError:
                continue
    return readings
