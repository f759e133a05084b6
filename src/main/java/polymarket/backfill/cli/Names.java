package polymarket.backfill.cli;

import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.ITypeConverter;
import polymarket.backfill.Nearest;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.pipeline.Pipeline;

/** The names of this project's jobs and pipelines. */
final class Names {

  private Names() {}

  /** Puts a job's own name in the place of another one that its definition lists. */
  static final class OwnName implements ITypeConverter<String> {
    @Override
    public String convert(String name) {
      try {
        return Job.ownName(Common.home(), name);
      } catch (UserError e) {
        // the command says what is wrong with the project's folder
        return name;
      }
    }
  }

  /** Whether a job or a pipeline has this name. */
  static boolean isKnown(String name) {
    return Job.names(Common.home()).contains(name) || Pipeline.names(Common.home()).contains(name);
  }

  /** The error for a name that no job and no pipeline has. */
  static UserError unknown(String name) {
    List<String> jobs = Job.names(Common.home());
    List<String> pipelines = Pipeline.names(Common.home());
    return new UserError(
        "no job or pipeline '"
            + name
            + "'."
            + Nearest.hint(name, Stream.concat(jobs.stream(), pipelines.stream()).toList())
            + " The jobs are: "
            + String.join(", ", jobs)
            + "; the pipelines: "
            + String.join(", ", pipelines));
  }

  /** Jobs, for a shell's completion. */
  static final class Jobs implements Iterable<String> {
    @Override
    public Iterator<String> iterator() {
      return Job.names(Common.home()).iterator();
    }
  }

  /** Pipelines, likewise. */
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
