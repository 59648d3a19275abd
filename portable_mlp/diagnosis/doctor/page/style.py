"""The style sheet of the page: light or dark, wide or narrow, on paper."""

from __future__ import annotations

STYLE = """
:root{--paper:#fff;--ink:#1b222d;--soft:#596273;--line:#d5dae1;--card:#f5f6f8;--blue:#1f5aa8;
--red:#b3261e;--amber:#8a5a00;--green:#17693a;--band:#17693a24;--gap:#b3261e1c}
@media screen and (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e7eaf0;--soft:#a5aebb;
--line:#39414d;--card:#1d222a;--blue:#8ab4f8;--red:#ff8f87;--amber:#e8b95b;--green:#7dd39c;
--band:#7dd39c2e;--gap:#ff8f872b}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:1140px;padding:24px 16px 48px;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans","DejaVu Sans",sans-serif;
overflow-wrap:anywhere}
h1{font-size:clamp(1.5rem,5vw,2.2rem);line-height:1.2;margin:.1em 0 .4em;max-width:32em}
h2{font-size:1.3rem;line-height:1.3;margin:2.2em 0 .5em;padding-top:.6em;border-top:1px solid var(--line)}
h3{font-size:1.05rem;line-height:1.35;margin:0 0 .3em}
p{margin:0 0 .8em;max-width:46em}
header p.soft{margin:0}
.lede{font-size:1.1rem}
.soft{color:var(--soft);font-weight:400}
p.soft{font-size:.9rem}
code{font:.88em/1.4 ui-monospace,"Liberation Mono","DejaVu Sans Mono",Menlo,Consolas,monospace;
background:var(--card);border:1px solid var(--line);border-radius:4px;padding:0 .3em;font-weight:400}
.card code{background:var(--paper)}
footer{margin-top:3em;color:var(--soft);font-size:.9rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,310px),1fr));gap:16px}
.card{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--soft);
border-radius:6px;padding:14px 16px}
.card.blocking{border-left-color:var(--red)}
.card.harmless{border-left-color:var(--line)}
.weight{font-weight:600;margin:0 0 .6em;font-size:.92rem}
.blocking .weight{color:var(--red)}
dl{margin:0}dt{font-size:.82rem;color:var(--soft)}dd{margin:0 0 .5em;max-width:46em}
.disc{display:inline-block;min-width:1.55em;height:1.55em;line-height:1.55em;padding:0 .3em;
border-radius:1em;background:var(--ink);color:var(--paper);text-align:center;font-size:.8em;
font-weight:600;forced-color-adjust:none;print-color-adjust:exact;-webkit-print-color-adjust:exact}
table{border-collapse:collapse;width:100%;font-size:.93rem}
th,td{text-align:left;vertical-align:top;padding:7px 12px 7px 0;border-bottom:1px solid var(--line);
font-weight:400}
thead th{overflow-wrap:normal;color:var(--soft);font-size:.85rem}
td{font-variant-numeric:tabular-nums}
.trials{max-width:860px}
.trials td .soft{display:block;white-space:nowrap;font-size:.9em}
.trials td:last-child{white-space:nowrap}
.trials svg{display:block;width:170px;max-width:100%;margin-top:3px}
.helps td:last-child{font-weight:600;color:var(--green)}
.probes{max-width:620px}.probes th,.probes td{padding-top:3px;padding-bottom:3px}
.checks td:nth-child(2),.checks td:nth-child(n+4):nth-child(-n+6){white-space:nowrap}
.label{display:none}
figure{margin:0}
figcaption p{font-size:.9rem;color:var(--soft)}
svg{display:block;width:100%;height:auto;overflow:visible}
svg.swatch{display:inline-block;width:28px;height:14px;vertical-align:-2px}
.wide{max-width:960px}.narrow{display:none;max-width:480px}
.legend{list-style:none;padding:0;margin:.4em 0 .8em;font-size:.9rem;display:flex;flex-wrap:wrap;
gap:4px 22px}
.legend li{display:flex;gap:7px}.legend svg,.legend .disc{flex:none;margin-top:.15em}
.layer{margin:1.6em 0 0}
.panels{display:grid;grid-template-columns:repeat(4,1fr);gap:10px 18px}
.panels figcaption{font-size:.85rem;color:var(--soft);margin-bottom:2px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:8px 32px}
ul{padding-left:1.2em}
.signs{list-style:none;padding:0}
.signs li{padding-left:1.3em;text-indent:-1.3em}.signs li span{display:inline-block;width:1.3em;
text-indent:0}
text{font-size:11px;fill:var(--ink)}
.end{text-anchor:end}.mid{text-anchor:middle}text.soft{fill:var(--soft)}text.good{fill:var(--green)}
text.on{fill:var(--paper);font-weight:600}
circle.disc{fill:var(--ink)}
.grid,.axis,.moment,.loss,.baseline,.dead,.saturated,.ratio,.h0{fill:none;stroke:var(--line)}
.axis{stroke:var(--soft)}
.moment{stroke:var(--ink);stroke-dasharray:1 3}
.loss,.dead,.saturated,.ratio{stroke:var(--blue);stroke-width:2;stroke-linejoin:round;
stroke-linecap:round}
.baseline{stroke:var(--amber);stroke-width:1.6;stroke-dasharray:7 4}
.saturated{stroke:var(--amber);stroke-dasharray:1 4}
.dead-dot,.ratio-dot,.beyond{fill:var(--blue)}
.saturated-dot{fill:var(--paper);stroke:var(--amber);stroke-width:1.5}
.gap{fill:var(--gap)}.band{fill:var(--band)}
.h0{stroke:var(--soft)}
.h1,.h2,.h3,.h4,.h5,.h6,.h7{fill:var(--blue)}
.h1{fill-opacity:.12}.h2{fill-opacity:.25}.h3{fill-opacity:.4}.h4{fill-opacity:.55}
.h5{fill-opacity:.7}.h6{fill-opacity:.85}
.was{fill:none;stroke:var(--soft)}.left{fill:var(--blue)}.left.more{fill:var(--red)}
@media (max-width:1000px){.panels{grid-template-columns:repeat(2,1fr)}}
@media (max-width:640px){.wide{display:none}.narrow{display:block}
.panels{grid-template-columns:1fr}
.trials thead{display:none}.trials tr{display:grid;grid-template-columns:1fr auto;gap:2px 12px;
padding:9px 0;border-bottom:1px solid var(--line)}
.trials th,.trials td{border:0;padding:0}.trials th{grid-column:1/-1;font-weight:600}
.trials,.trials tbody,.checks,.checks tbody{display:block}.checks thead{display:none}
.checks tr{display:grid;grid-template-columns:1fr 1fr 1.5fr;gap:2px 10px;padding:8px 0;
border-bottom:1px solid var(--line)}
.checks th,.checks td{border:0;padding:2px 0}.checks th{font-weight:600}
.checks td:last-child{grid-column:1/-1}
.checks td.none:last-child{display:none}
.checks td:nth-child(n+4) .label{display:block;font-size:.8rem;color:var(--soft)}}
@media print{@page{margin:14mm}body{padding:0;font-size:10pt;max-width:none}
.card,figure,tr,.layer,li{break-inside:avoid}
h2,h3,section>p{break-after:avoid}.panels{grid-template-columns:repeat(2,1fr)}}
"""
