package polymarket.backfill.cli;

import java.util.Iterator;
import java.util.stream.Stream;
import polymarket.backfill.job.Job;
import polymarket.backfill.pipeline.Pipeline;

/** The names of this project's jobs and pipelines, for a shell's completion. */
final class Names {

  private Names() {}

  /** Jobs. */
  static final class Jobs implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Job.names(Common.home()).iterator();
    }
  }

  /** Pipelines. */
  static final class Pipelines implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Pipeline.names(Common.home()).iterator();
    }
  }

  /** Both. */
  static final class All implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Stream.of(Job.names(Common.home()), Pipeline.names(Common.home()))
          .flatMap(names -> names.stream())
          .iterator();
    }
  }
}
