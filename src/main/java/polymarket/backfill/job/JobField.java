package polymarket.backfill.job;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * A field of a job's definition, routes/jobs/NAME.job.yaml. The field's type is the annotated
 * field's, and its default is that field's value in a new {@link Job}. The reader of the files,
 * docs/job-definition.schema.json and docs/JOB-DEFINITION.md are all made from it.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface JobField {

  /** What the field says, in a sentence without its full stop. */
  String title();

  /** A value as YAML writes it. */
  String example();

  /** Whether a definition without it is refused. */
  boolean required() default false;

  /** The texts that it takes; any where there are none. */
  String[] choices() default {};
}
