# A client of Slurm that stays: Slurm's own library (libslurm-perl) in one process, so that no grant pays for
# the start of a program, as it does with salloc. Prints one line of JSON.
#
#   slurm-client.pl claim START SECONDS   from START (seconds since 1970): get a GPU, give it back, again
#   slurm-client.pl hold COUNT MINUTES    gets so many GPUs, with a time limit (0: none), and keeps them
#   slurm-client.pl wait                  asks for a GPU, and does not wait until it is there
#   slurm-client.pl complete JOB...       gives back
use strict;
use warnings;
use Slurm;
use Time::HiRes qw(time sleep);

my $slurm = Slurm::new() or die "no Slurm\n";
my ($what, @rest) = @ARGV;

# As salloc does; an answer without nodes is a job that waits.
sub allocate {
    my ($minutes) = @_;
    my %job = (
        min_nodes => 1, max_nodes => 1, num_tasks => 1, min_cpus => 1, tres_per_node => 'gres:gpu:1',
        user_id => $<, group_id => $( + 0, name => 'bench', work_dir => '/tmp',
    );
    $job{time_limit} = $minutes if $minutes;
    my $answer = $slurm->allocate_resources(\%job);
    die 'allocate: ' . $slurm->strerror($slurm->get_errno()) . "\n" unless $answer;
    return ($answer->{job_id}, $answer->{node_list});
}

sub complete {
    my ($job) = @_;
    $slurm->complete_job($job, 0) == 0 or die 'complete: ' . $slurm->strerror($slurm->get_errno()) . "\n";
}

if ($what eq 'claim') {
    my ($start, $seconds) = @rest;
    my @took;
    sleep($start - time) if $start > time;
    while (time < $start + $seconds) {
        my $from = time;
        my ($job, $nodes) = allocate(0);
        die "a job waits where GPUs are free\n" unless $nodes;
        push @took, sprintf('%.3f', 1000 * (time - $from));
        complete($job);
    }
    printf qq({"tookMs":[%s],"seconds":%.6f}\n), join(',', @took), time - $start;
} elsif ($what eq 'hold') {
    my ($count, $minutes) = @rest;
    my @jobs = map { my ($job) = allocate($minutes); $job } 1 .. $count;
    printf qq({"jobs":[%s]}\n), join(',', @jobs);
} elsif ($what eq 'wait') {
    my ($job, $nodes) = allocate(0);
    die "nothing to wait for\n" if $nodes;
    printf qq({"jobs":[%d]}\n), $job;
} elsif ($what eq 'complete') {
    my $from = time;
    complete($_) for @rest;
    printf qq({"fromMs":%.3f}\n), 1000 * $from;
} else {
    die "claim, hold, wait or complete\n";
}
