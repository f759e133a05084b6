package polymarket.backfill.serve;

import java.nio.file.Path;
import java.util.Optional;
import polymarket.backfill.UserError;

/**
 * What the page shows, and what it can start. Its methods are called from one thread. Those that
 * read end with a {@link UserError} while a ledger cannot be read.
 */
public interface PageContent {

  /** What runs and what is done, as a JSON object on one line. */
  String status();

  /** The pace of each source in the last hour, as a JSON object on one line. */
  String history();

  /**
   * The failed ids of a job, as a JSON array; empty if there is no such job.
   *
   * @param search what the id or its reason contains; empty for all
   */
  Optional<String> failed(String job, String search);

  /** What Prometheus reads, in its text format. */
  String metrics();

  /** The file of a report, by its name in {@link #status}; empty if there is none. */
  Optional<Path> report(String name);

  /**
   * Starts or stops something.
   *
   * @param action run or stop
   * @param what a job, a pipeline or a check
   * @param options further words of the command line, such as {@code --limit 1000}
   * @return what was done, in a sentence
   * @throws UserError if it cannot be done, with the reason
   */
  String act(String action, String what, String options);

  /**
   * Starts a command that was typed on a command line.
   *
   * @param request what was posted
   * @throws UserError if the command has to run elsewhere, with the reason
   */
  Posted run(String request);
}
