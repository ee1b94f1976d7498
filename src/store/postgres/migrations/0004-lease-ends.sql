-- What a lease knows of its end, filled in for those that are there: they keep the end that they were made
-- with. A lease of before is not renewed, has no return ticket, and its disk stays on the shelf until its
-- owner returns it. Rewrites each row of `leases` once; ten million take some minutes.
UPDATE leases SET body = (
  body::jsonb || jsonb_build_object(
    'ticket', NULL,
    'request', (body::jsonb -> 'request') || jsonb_build_object(
      'renew', false,
      'role', 'member',
      'scratchGiB', coalesce(
        (SELECT (flavors.body::jsonb -> 'scratchGiB') FROM flavors WHERE flavors.id = leases.flavor_id),
        '0'::jsonb
      )
    ),
    'state', (body::jsonb -> 'state') || CASE state
      WHEN 'active' THEN '{"renewedAtMs": null, "graceUntilMs": null}'::jsonb
      WHEN 'shelved' THEN '{"keepUntilMs": null, "warnedMs": null}'::jsonb
      ELSE '{}'::jsonb
    END
  )
)::json;
