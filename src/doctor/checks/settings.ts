import { nearest } from '../../base/nearest.ts';
import type { Facts } from '../facts.ts';
import { finding, setting, some, type Finding } from '../finding.ts';
import { mentionedTypes } from '../gpu.ts';

/** Whether the configuration fits the cloud that it describes. */
export function checkSettings(facts: Facts): readonly Finding[] {
  return [...aliases(facts), ...declared(facts)];
}

function aliases(facts: Facts): readonly Finding[] {
  const { cloud, aggregates } = facts;
  const types = mentionedTypes(facts);
  if (aggregates === null || types.size === 0) return [];
  return Object.entries(cloud.aliases)
    .filter(([, type]) => !types.has(type))
    .map(([alias, type]) => {
      const right = nearest(type, types) ?? [...types][0] ?? 'TYPE';
      const message = `aliases maps '${alias}' to '${type}', but the aggregates have ${some([...types])}.`;
      const fix = setting(cloud.name, 'aliases', `{${alias}: ${right}}`);
      return finding('alias_setting_useless', `alias '${alias}'`, message, fix);
    });
}

function declared(facts: Facts): readonly Finding[] {
  const { cloud, aggregates, hypervisors } = facts;
  if (cloud.declaredHosts === 0 || aggregates === null || hypervisors === null) return [];
  const message = `hosts declares ${cloud.declaredHosts} hosts, and the account sees ${hypervisors.length} hypervisors and ${aggregates.length} aggregates by itself.`;
  const fix = `In the configuration, remove hosts from the cloud '${cloud.name}'`;
  return [finding('hosts_setting_useless', `cloud '${cloud.name}'`, message, fix)];
}
