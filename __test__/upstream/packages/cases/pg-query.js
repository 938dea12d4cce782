'use strict'

const QUERIES = [
  'select 1', 'select a.x, count(*) from t a left join u b using (id) where a.y > 3 and b.z in (1,2,3) group by 1 having count(*) > 2 order by 2 desc limit 10',
  'with recursive r as (select 1 n union all select n+1 from r where n < 5) insert into z select * from r returning *',
  "create table foo (id serial primary key, v jsonb not null default '{}')", 'select from where', 'select $1::int + $2'
]

module.exports = {
  package: 'pg-query-emscripten',
  source: 'pg-query-emscripten/pg_query_wasm.js',
  load: async ({ at }) => (await import(require('node:url').pathToFileURL(at('pg-query-emscripten/pg_query_wasm.js')).href)).default(),
  job (m) {
    const long = `select ${Array.from({ length: 300 }, (_, i) => `c${i} + ${i} * f(${i})`).join(', ')} from t`
    const names = ['parse', 'normalize', 'fingerprint', 'parse_plpgsql'].filter((name) => typeof m[name] === 'function')
    return [names, ...[...QUERIES, long].map((query) => ['parse', 'normalize', 'fingerprint'].map((name) => m[name] && m[name](query)))]
  }
}
