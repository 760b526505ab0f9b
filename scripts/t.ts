import { readdirSync, existsSync } from 'node:fs';
const base='/tmp/c/build/scripts/dockerize/look/';
const { readProject } = await import(base+'read-project.ts');
const { findBuild } = await import(base+'build-command.ts');
const { findStart } = await import(base+'start-command.ts');
const fw = await import(base+'frameworks.ts');
const ws = existsSync(base+'workspace.ts') ? await import(base+'workspace.ts') : null;
for (const root of process.argv.slice(2)) for (const name of readdirSync(root).sort()) {
  if (!existsSync(`${root}/${name}/package.json`)) continue;
  const t=Date.now(); let out='';
  try {
    let p=readProject(`${root}/${name}`); let w=null;
    if (ws) ({project:p, workspace:w}=ws.findWorkspace(p, undefined));
    if (w) out+=` WS(${w.kind}${w.usesTurbo?',turbo':''}) app=${p.app} needed=${w.needed.map(m=>m.path)} others=${w.others.length}`;
    const f=fw.findFramework?.(p) ?? null; if (f) out+=` FW(${f.name} ${JSON.stringify(f.command)} ${f.copies?f.copies.map(c=>c.from+'>'+c.to):'all'} mod=${f.needsModules} ${f.port})`;
    const b=findBuild(p,f); out+= b?` BUILD(${b.script??b.command} -> ${b.outputs})`:' NOBUILD';
    const s=findStart(p,b,f,{}); out+=` START ${JSON.stringify(s.argv)} src=${s.sourceEntry} [${s.source}]${Object.keys(s.env).length?' env='+JSON.stringify(s.env):''}${s.before.length?' before='+JSON.stringify(s.before):''}${s.notes.length?' notes='+s.notes.join('; '):''}`;
  } catch(e) { out+=' ERR '+(e.code==='usage'? e.message+' | '+e.hint : e.stack); }
  console.log(name+':'+out+(Date.now()-t>500?` SLOW ${Date.now()-t}`:''));
}
