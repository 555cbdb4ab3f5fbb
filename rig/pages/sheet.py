"""How the rig's pages look: black on white, on a screen of 1280 px and on a telephone."""

from __future__ import annotations

CSS = """
:root{color-scheme:light}*{box-sizing:border-box}
body{font:16px/1.45 system-ui,"DejaVu Sans",sans-serif;margin:0 auto;max-width:1280px;
padding:16px;color:#15191d;background:#fff}
h1{font-size:1.5rem;margin:.4rem 0}h2{font-size:1.05rem;margin:.6rem 0 .3rem}p{margin:.3rem 0}
.mark{background:#f0e442;color:#000;font-weight:700;padding:.5rem .8rem;margin:0 0 .6rem}
.verdicts{list-style:none;padding:0;margin:.8rem 0}
.verdicts li{padding:.35rem .6rem .35rem 4.6rem;margin:.25rem 0;border-left:8px solid}
.verdicts .good{border-color:#0072b2;background:#eaf4fb}.verdicts .warn{border-color:#e69f00;background:#fff6e0}
.verdicts .bad{border-color:#d55e00;background:#fdece3}.verdicts b{float:left;width:4rem;margin-left:-4rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:12px}
.card{border:1px solid #cfd6dc;padding:10px;min-width:0}.card p{font-size:.88rem;color:#3a444e}
svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,"DejaVu Sans",sans-serif;fill:#3a444e}
table{border-collapse:collapse;width:100%;font-size:.92rem}
td,th{text-align:left;padding:.25rem .6rem .25rem 0;vertical-align:top;
border-bottom:1px solid #e3e8ec;overflow-wrap:anywhere}th{font-weight:600;white-space:nowrap}
"""
