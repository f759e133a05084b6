#!/usr/bin/env bash
# Checks the board against the types of Grafana's own schema (npm fetches them, and TypeScript), and the alerts with promtool.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
for tool in npm promtool; do
  command -v "$tool" >/dev/null || { echo "check.sh: no $tool found; install $([ "$tool" = npm ] && echo npm || echo prometheus)" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
echo '{"private": true}' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @grafana/schema@13.2.3 typescript@7.0.2
# in JSON, the member of an enum is its text
{
  echo 'import type { Dashboard, DataQuery, Panel } from "@grafana/schema";'
  echo 'type Json<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Json<T[K]> } : T;'
  echo 'type Target = DataQuery & { expr: string; legendFormat?: string };'
  echo 'type Board = Omit<Dashboard, "panels"> & { panels: (Omit<Panel, "targets"> & { targets: Target[] })[] };'
  echo "export const board: Json<Board> = $(cat "$here/backfill.json");"
} >board.ts
node_modules/.bin/tsc --noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext board.ts
echo "backfill.json: as Grafana's schema has it"
promtool check rules "$here/alerts.yaml"
