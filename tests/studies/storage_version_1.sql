BEGIN TRANSACTION;
CREATE TABLE spikefront_budgets (
	trial_id INTEGER NOT NULL, 
	role VARCHAR(8) NOT NULL, 
	position INTEGER NOT NULL, 
	layer VARCHAR(255) NOT NULL, 
	pruning_ratio DOUBLE NOT NULL, 
	weight_bits DOUBLE NOT NULL, 
	membrane_bits DOUBLE, 
	granularity VARCHAR(16) NOT NULL, 
	PRIMARY KEY (trial_id, role, position), 
	FOREIGN KEY(trial_id) REFERENCES spikefront_trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "spikefront_budgets" VALUES(1,'asked',0,'conv1',0.0,32.0,32.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(1,'asked',1,'conv2',0.0,32.0,32.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(1,'asked',2,'fc',0.0,32.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(1,'realised',0,'conv1',0.0,32.0,32.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(1,'realised',1,'conv2',0.0,32.0,32.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(1,'realised',2,'fc',0.0,32.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(2,'asked',0,'conv1',0.9,2.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(2,'asked',1,'conv2',0.3,4.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(2,'asked',2,'fc',0.0,8.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(3,'asked',0,'conv1',0.0,4.0,8.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(3,'asked',1,'conv2',0.3,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(3,'asked',2,'fc',0.9,8.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(3,'realised',0,'conv1',0.0,4.0,8.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(3,'realised',1,'conv2',0.3,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(3,'realised',2,'fc',0.9,8.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(4,'asked',0,'conv1',0.0,2.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(4,'asked',1,'conv2',0.3,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(4,'asked',2,'fc',0.0,2.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(4,'realised',0,'conv1',0.0,2.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(4,'realised',1,'conv2',0.3,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(4,'realised',2,'fc',0.0,2.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(5,'asked',0,'conv1',0.9,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(5,'asked',1,'conv2',0.0,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(5,'asked',2,'fc',0.9,4.0,NULL,'weight');
INSERT INTO "spikefront_budgets" VALUES(5,'realised',0,'conv1',0.9,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(5,'realised',1,'conv2',0.0,8.0,2.0,'weight');
INSERT INTO "spikefront_budgets" VALUES(5,'realised',2,'fc',0.9,4.0,NULL,'weight');
CREATE TABLE spikefront_costs (
	trial_id INTEGER NOT NULL, 
	network VARCHAR(255) NOT NULL, 
	hardware VARCHAR(255) NOT NULL, 
	time_steps BIGINT NOT NULL, 
	macs_dense DOUBLE NOT NULL, 
	macs DOUBLE NOT NULL, 
	synops DOUBLE NOT NULL, 
	parameters BIGINT NOT NULL, 
	parameters_kept BIGINT NOT NULL, 
	neurons BIGINT NOT NULL, 
	weight_memory_bytes DOUBLE NOT NULL, 
	index_memory_bytes DOUBLE NOT NULL, 
	membrane_memory_bytes DOUBLE NOT NULL, 
	memory_bytes DOUBLE NOT NULL, 
	energy_joules DOUBLE NOT NULL, 
	latency_seconds DOUBLE NOT NULL, 
	PRIMARY KEY (trial_id), 
	FOREIGN KEY(trial_id) REFERENCES spikefront_trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "spikefront_costs" VALUES(1,'synthetic','edge_asic_45nm',4,88576.0,4608.0,15769.6,3784,3784,768,15136.0,0.0,3072.0,18208.0,1.5024384e-07,1.33200000000000012183e-06);
INSERT INTO "spikefront_costs" VALUES(2,'synthetic','edge_asic_45nm',1,25600.0,448.0,2.83520000000000027291e+03,3784,3373,768,2976.75,1.48616252248287651128e+02,192.0,3.31736625224828776486e+03,4.78874381531036e-09,1.36718750000000014484e-07);
INSERT INTO "spikefront_costs" VALUES(3,'synthetic','edge_asic_45nm',4,88576.0,4608.0,5209.6,3784,1134,768,1110.0,3.18792036454859157852e+02,576.0,2.00479203645485904426e+03,1.46346161822742938142e-08,4.13799502278428735745e-07);
INSERT INTO "spikefront_costs" VALUES(4,'synthetic','edge_asic_45nm',4,88576.0,4608.0,1.13408000000000010914e+04,3784,3438,768,1476.0,144.0,192.0,1812.0,1.16753079999999975844e-08,4.26875000000000042214e-07);
INSERT INTO "spikefront_costs" VALUES(5,'synthetic','edge_asic_45nm',2,46592.0,448.0,2.47466666666666651507e+03,3784,1415,768,1299.0,1.75063680512271844236e+02,192.0,1.66606368051227173056e+03,5.31591640141858256521e-09,2.02757520019456109229e-07);
CREATE TABLE spikefront_densities (
	trial_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	layer VARCHAR(255) NOT NULL, 
	input_density DOUBLE NOT NULL, 
	PRIMARY KEY (trial_id, position), 
	FOREIGN KEY(trial_id) REFERENCES spikefront_trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "spikefront_densities" VALUES(1,0,'conv1',1.0);
INSERT INTO "spikefront_densities" VALUES(1,1,'conv2',0.2);
INSERT INTO "spikefront_densities" VALUES(1,2,'fc',0.1);
INSERT INTO "spikefront_densities" VALUES(3,0,'conv1',1.0);
INSERT INTO "spikefront_densities" VALUES(3,1,'conv2',0.1);
INSERT INTO "spikefront_densities" VALUES(3,2,'fc',0.05);
INSERT INTO "spikefront_densities" VALUES(4,0,'conv1',1.0);
INSERT INTO "spikefront_densities" VALUES(4,1,'conv2',0.2);
INSERT INTO "spikefront_densities" VALUES(4,2,'fc',0.1);
INSERT INTO "spikefront_densities" VALUES(5,0,'conv1',1.0);
INSERT INTO "spikefront_densities" VALUES(5,1,'conv2',6.66666666666666657414e-02);
INSERT INTO "spikefront_densities" VALUES(5,2,'fc',3.33333333333333328707e-02);
CREATE TABLE spikefront_front_members (
	front_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	PRIMARY KEY (front_id, position), 
	FOREIGN KEY(front_id) REFERENCES spikefront_fronts (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "spikefront_front_members" VALUES(1,0,1);
INSERT INTO "spikefront_front_members" VALUES(2,0,2);
INSERT INTO "spikefront_front_members" VALUES(3,0,2);
INSERT INTO "spikefront_front_members" VALUES(3,1,3);
CREATE TABLE spikefront_fronts (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	finished BIGINT NOT NULL, 
	hypervolume DOUBLE, 
	reference_point TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, finished), 
	FOREIGN KEY(study_id) REFERENCES spikefront_studies (id) ON DELETE CASCADE
);
INSERT INTO "spikefront_fronts" VALUES(1,1,1,1.95432764416035402443e-03,'[0.0, 18208.0, 1.5024384e-07]');
INSERT INTO "spikefront_fronts" VALUES(2,1,2,0.00202464660688078,'[0.0, 18208.0, 1.5024384e-07]');
INSERT INTO "spikefront_fronts" VALUES(3,1,3,2.117167161889836266e-03,'[0.0, 18208.0, 1.5024384e-07]');
CREATE TABLE spikefront_layer_costs (
	trial_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	macs_dense DOUBLE NOT NULL, 
	macs DOUBLE NOT NULL, 
	synops DOUBLE NOT NULL, 
	parameters BIGINT NOT NULL, 
	parameters_kept BIGINT NOT NULL, 
	neurons BIGINT NOT NULL, 
	pruning_ratio DOUBLE NOT NULL, 
	weight_bits DOUBLE, 
	membrane_bits DOUBLE, 
	storage_format VARCHAR(64) NOT NULL, 
	weight_memory_bytes DOUBLE NOT NULL, 
	index_memory_bytes DOUBLE NOT NULL, 
	membrane_memory_bytes DOUBLE NOT NULL, 
	break_even_pruning_ratio DOUBLE, 
	energy_joules DOUBLE NOT NULL, 
	latency_seconds DOUBLE NOT NULL, 
	PRIMARY KEY (trial_id, position), 
	FOREIGN KEY(trial_id) REFERENCES spikefront_trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "spikefront_layer_costs" VALUES(1,0,'conv1','conv',4608.0,4608.0,0.0,72,72,512,0.0,32.0,32.0,'dense',288.0,0.0,2048.0,3.87999999999999900524e-01,4.82064e-08,2.685e-07);
INSERT INTO "spikefront_layer_costs" VALUES(1,1,'conv2','conv',73728.0,0.0,14745.6,1152,1152,256,0.0,32.0,32.0,'dense',4608.0,0.0,1024.0,3.87999999999999900524e-01,4.955584e-08,4.19e-07);
INSERT INTO "spikefront_layer_costs" VALUES(1,2,'fc','linear',10240.0,0.0,1024.0,2560,2560,0,0.0,32.0,NULL,'dense',10240.0,0.0,0.0,3.87999999999999900524e-01,5.24816e-08,6.445e-07);
INSERT INTO "spikefront_layer_costs" VALUES(2,0,'conv1','conv',4608.0,448.0,0.0,72,7,512,0.9,2.0,2.0,'relative index',5.75,4.61625224828763780493e+00,128.0,3.87999999999999900524e-01,5.5375781531035955644e-10,6.4e-08);
INSERT INTO "spikefront_layer_costs" VALUES(2,1,'conv2','conv',18432.0,0.0,2.57920000000000027278e+03,1152,806,256,0.3,4.0,2.0,'bitmap',407.0,144.0,64.0,3.87999999999999900524e-01,9.69806e-10,3.2e-08);
INSERT INTO "spikefront_layer_costs" VALUES(2,2,'fc','linear',2560.0,0.0,256.0,2560,2560,0,0.0,8.0,NULL,'dense',2564.0,0.0,0.0,3.87999999999999900524e-01,3.26518e-09,4.071875e-08);
INSERT INTO "spikefront_layer_costs" VALUES(3,0,'conv1','conv',4608.0,4608.0,0.0,72,72,512,0.0,4.0,8.0,'dense',40.0,0.0,512.0,3.87999999999999900524e-01,6.35336e-09,2.56e-07);
INSERT INTO "spikefront_layer_costs" VALUES(3,1,'conv2','conv',73728.0,0.0,5.15840000000000054557e+03,1152,806,256,0.3,8.0,2.0,'bitmap',810.0,144.0,64.0,3.87999999999999900524e-01,5.89422399999999914585e-09,1.28e-07);
INSERT INTO "spikefront_layer_costs" VALUES(3,2,'fc','linear',10240.0,0.0,51.2,2560,256,0,0.9,8.0,NULL,'relative index',260.0,1.7479203645485915786e+02,0.0,3.87999999999999900524e-01,2.38703218227429542555e-09,2.97995022784287e-08);
INSERT INTO "spikefront_layer_costs" VALUES(4,0,'conv1','conv',4608.0,4608.0,0.0,72,72,512,0.0,2.0,2.0,'dense',22.0,0.0,128.0,3.87999999999999900524e-01,2.12221999999999972924e-09,2.56e-07);
INSERT INTO "spikefront_layer_costs" VALUES(4,1,'conv2','conv',73728.0,0.0,1.03168000000000010911e+04,1152,806,256,0.3,8.0,2.0,'bitmap',810.0,144.0,64.0,3.87999999999999900524e-01,6.11540799999999903089e-09,1.28e-07);
INSERT INTO "spikefront_layer_costs" VALUES(4,2,'fc','linear',10240.0,0.0,1024.0,2560,2560,0,0.0,2.0,NULL,'dense',644.0,0.0,0.0,3.87999999999999900524e-01,3.43768e-09,4.2875e-08);
INSERT INTO "spikefront_layer_costs" VALUES(5,0,'conv1','conv',4608.0,448.0,0.0,72,7,512,0.9,8.0,2.0,'relative index',11.0,4.82303988967704,128.0,3.87999999999999900524e-01,1.0392987998620963247e-09,1.28e-07);
INSERT INTO "spikefront_layer_costs" VALUES(5,1,'conv2','conv',36864.0,0.0,2457.6,1152,1152,256,0.0,8.0,2.0,'dense',1156.0,0.0,64.0,3.87999999999999900524e-01,3.415248e-09,6.4e-08);
INSERT INTO "spikefront_layer_costs" VALUES(5,2,'fc','linear',5120.0,0.0,1.70666666666666664298e+01,2560,256,0,0.9,4.0,NULL,'relative index',132.0,1.7024064062259481034e+02,0.0,3.87999999999999900524e-01,8.61369601556486910211e-10,1.07575200194560873618e-08);
CREATE TABLE spikefront_measurements (
	trial_id INTEGER NOT NULL, 
	split VARCHAR(32) NOT NULL, 
	metric VARCHAR(255) NOT NULL, 
	seed BIGINT NOT NULL, 
	value DOUBLE, 
	PRIMARY KEY (trial_id, split, metric, seed), 
	FOREIGN KEY(trial_id) REFERENCES spikefront_trials (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "spikefront_measurements" VALUES(1,'validation','accuracy',3,9.87529411627801501083e-01);
INSERT INTO "spikefront_measurements" VALUES(3,'validation','accuracy',1752560341,0.889420507682567);
INSERT INTO "spikefront_measurements" VALUES(4,'validation','accuracy',743111355,8.91141572371766943483e-01);
INSERT INTO "spikefront_measurements" VALUES(5,'validation','accuracy',728264696,7.37692683229826284829e-01);
CREATE TABLE spikefront_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "spikefront_schema" VALUES(1);
CREATE TABLE spikefront_studies (
	id INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	created VARCHAR(255) NOT NULL, 
	definition TEXT NOT NULL, 
	versions TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "spikefront_studies" VALUES(1,'synthetic','2026-11-25T19:39:27.440958+00:00','{"name": "synthetic", "seed": 3, "task": {"network": "spiking_cnn", "dataset": "digits", "kind": "classification"}, "method": {"pruning": "magnitude", "weight_quantizer": "uniform", "membrane_quantizer": "stacked", "neuron": "lif"}, "space": {"pruning_ratio": [0.0, 0.3, 0.6, 0.9], "weight_bits": [2, 4, 8], "membrane_bits": [2, 4, 8], "time_steps": [1, 2, 4], "layer": {}}, "hardware": {"profile": "edge_asic_45nm"}, "objectives": {"maximize": ["accuracy"], "minimize": ["memory_bytes", "energy_joules"]}, "constraints": {"memory_bytes": 2500.0}, "training": {"epochs": 8, "baseline_epochs": 20, "batch_size": 128, "learning_rate": 0.001, "baseline_learning_rate": 0.002, "weight_decay": 0.0, "validation_fraction": 0.15, "samples_per_epoch": null, "baseline_time_steps": null, "loss": "cross_entropy"}, "search": {"sampler": "random", "trials": 3, "seeds_on_front": 0, "workers": 1, "engine": "local", "options": {}}}','{"python": "3.11.7", "spikefront": "0.1.0", "torch": "2.13.0+cpu", "optuna": "5.0.0", "numpy": "2.4.6", "numba": "0.68.1", "sqlalchemy": "2.1.9", "moocore": "0.3.2"}');
CREATE TABLE spikefront_trials (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	number BIGINT, 
	seed BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT NOT NULL, 
	seconds DOUBLE NOT NULL, 
	asked_time_steps BIGINT NOT NULL, 
	realised_time_steps BIGINT, 
	workload_id INTEGER, 
	choices TEXT NOT NULL, 
	optuna_attributes TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, number), 
	FOREIGN KEY(study_id) REFERENCES spikefront_studies (id) ON DELETE CASCADE, 
	FOREIGN KEY(workload_id) REFERENCES spikefront_workloads (id)
);
INSERT INTO "spikefront_trials" VALUES(1,1,NULL,3,'complete','',0.01,4,4,1,'{}','{}');
INSERT INTO "spikefront_trials" VALUES(2,1,0,844647110,'skipped','memory_bytes is 3.2 KiB, over the limit of 2.4 KiB',0.0,1,NULL,NULL,'{"conv1/pruning_ratio": 0.8999999999999999, "conv1/weight_bits": 2, "conv1/membrane_bits": 2, "conv2/pruning_ratio": 0.3, "conv2/weight_bits": 4, "conv2/membrane_bits": 2, "fc/pruning_ratio": 0.0, "fc/weight_bits": 8, "time_steps": 1}','{}');
INSERT INTO "spikefront_trials" VALUES(3,1,1,1752560341,'complete','',0.01,4,4,1,'{"conv1/pruning_ratio": 0.0, "conv1/weight_bits": 4, "conv1/membrane_bits": 8, "conv2/pruning_ratio": 0.3, "conv2/weight_bits": 8, "conv2/membrane_bits": 2, "fc/pruning_ratio": 0.8999999999999999, "fc/weight_bits": 8, "time_steps": 4}','{}');
INSERT INTO "spikefront_trials" VALUES(4,1,2,743111355,'complete','',0.01,4,4,1,'{"conv1/pruning_ratio": 0.0, "conv1/weight_bits": 2, "conv1/membrane_bits": 2, "conv2/pruning_ratio": 0.3, "conv2/weight_bits": 8, "conv2/membrane_bits": 2, "fc/pruning_ratio": 0.0, "fc/weight_bits": 2, "time_steps": 4}','{}');
INSERT INTO "spikefront_trials" VALUES(5,1,3,728264696,'complete','',0.01,2,2,1,'{"conv1/pruning_ratio": 0.8999999999999999, "conv1/weight_bits": 8, "conv1/membrane_bits": 2, "conv2/pruning_ratio": 0.0, "conv2/weight_bits": 8, "conv2/membrane_bits": 2, "fc/pruning_ratio": 0.8999999999999999, "fc/weight_bits": 4, "time_steps": 2}','{}');
CREATE TABLE spikefront_workloads (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	structure TEXT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, digest), 
	FOREIGN KEY(study_id) REFERENCES spikefront_studies (id) ON DELETE CASCADE
);
INSERT INTO "spikefront_workloads" VALUES(1,1,'3b1ab17b1bf75c426eb0decd42723f902fd45ef54f36375c566ec5c8f91e8b13','{"network": "synthetic", "input_shape": [1, 8, 8], "layers": [{"name": "conv1", "kind": "conv", "weight_shape": [8, 1, 3, 3], "positions": 64, "input_shape": [1, 8, 8], "output_shape": [8, 8, 8], "groups": 1, "other_parameters": 0, "product_macs": 0, "neurons": 512, "neuron": null, "input_density": 1.0, "spiking_input": false, "static_input": true, "reads": null, "neurons_per_channel": true}, {"name": "conv2", "kind": "conv", "weight_shape": [16, 8, 3, 3], "positions": 16, "input_shape": [8, 4, 4], "output_shape": [16, 4, 4], "groups": 1, "other_parameters": 0, "product_macs": 0, "neurons": 256, "neuron": null, "input_density": 1.0, "spiking_input": true, "static_input": false, "reads": null, "neurons_per_channel": true}, {"name": "fc", "kind": "linear", "weight_shape": [10, 256], "positions": 1, "input_shape": [256], "output_shape": [10], "groups": 1, "other_parameters": 0, "product_macs": 0, "neurons": 0, "neuron": null, "input_density": 1.0, "spiking_input": true, "static_input": false, "reads": null, "neurons_per_channel": true}], "unpriced": []}');
COMMIT;
