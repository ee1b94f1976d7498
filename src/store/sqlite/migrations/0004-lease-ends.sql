-- What a lease knows of its end, filled in for those that are there: they keep the end that they were made
-- with. A lease of before is not renewed, has no return ticket, and its disk stays on the shelf until its
-- owner returns it. Rewrites each row of `leases` once; ten million take some minutes.
UPDATE leases SET body = json_set(
  body,
  '$.ticket', NULL,
  '$.request.renew', json('false'),
  '$.request.role', 'member',
  '$.request.scratchGiB',
  coalesce((SELECT json_extract(flavors.body, '$.scratchGiB') FROM flavors WHERE flavors.id = leases.flavor_id), 0)
);
UPDATE leases SET body = json_set(body, '$.state.renewedAtMs', NULL, '$.state.graceUntilMs', NULL)
WHERE state = 'active';
UPDATE leases SET body = json_set(body, '$.state.keepUntilMs', NULL, '$.state.warnedMs', NULL)
WHERE state = 'shelved';
