/**
 * One microversion for all Nova calls: new enough for embedded flavors with extra specs (2.47), tags at
 * creation (2.52), flavor extra specs in the list (2.61), integer swap (2.75); the last one whose hypervisors
 * have numbers, which 2.88 drops. Zed (26.2.2) speaks 2.1 to 2.93; 2.87 came with Victoria.
 */
export const NOVA_MICROVERSION = '2.87';
